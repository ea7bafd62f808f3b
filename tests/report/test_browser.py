"""The page in a browser of 400 pixels, in light and in dark: nothing but scroll boxes scrolls sideways, texts can be
read, and a keyboard reaches all there is."""

import html as text
import json
import re

import pytest

from qcompare.report.templates import REPORT
from tests import browser
from tests.report.test_html import chapter, page

pytestmark = browser.needed

LONG = "a_tensor/with/a_name_that_is_long/and_no_space_in_it:" + "b" * 90

MEASURE = r"""
const {document: page, innerWidth: width, getComputedStyle: style} = frame.contentWindow;
const all = [...page.querySelectorAll("body *")];
page.querySelectorAll("details").forEach(each => each.open = true);
const named = each => each.tagName + "." + (each.getAttribute("class") ?? "");

const outside = all.filter(each => {
  const {left, right} = each.getBoundingClientRect();
  const within = each.parentElement.closest(".box") || each.matches(".skip");
  return !within && (left < 0 || right > page.documentElement.clientWidth + .5);
});

const parts = color => [...color.match(/[\d.]+/g).map(Number), 1].slice(0, 4);
const linear = part => (part /= 255) <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
const ground = each => {
  for (; each; each = each.parentElement) {
    const found = parts(style(each).backgroundColor);
    if (found[3]) return found;
  }
};
const texts = all.filter(each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
const contrasts = texts.map(each => {
  const own = style(each)[each.namespaceURI.endsWith("svg") ? "fill" : "color"];
  const [dark, light] = [luminance(parts(own)), luminance(ground(each))].sort((a, b) => a - b);
  return [(light + .05) / (dark + .05), named(each)];
});

const reached = all.filter(each => each.matches("a[href], summary, [tabindex='0']"));
const unseen = reached.filter(each => {
  each.focus();
  const {outlineStyle, outlineWidth, outlineColor} = style(each);
  const {left, right} = each.getBoundingClientRect();
  const [dark, light] = [luminance(parts(outlineColor)), luminance(ground(each.parentElement))].sort((a, b) => a - b);
  const seen = outlineStyle === "solid" && parseFloat(outlineWidth) >= 2 && (light + .05) / (dark + .05) >= 3;
  return page.activeElement !== each || !seen || left < 4 || right > width;
});
const hidden = all.filter(each => each.scrollWidth > each.clientWidth + 1 && style(each).overflowX === "auto"
  && each.tabIndex !== 0);

document.getElementById("found").textContent = JSON.stringify({
  width, scrolled: page.documentElement.scrollWidth > page.documentElement.clientWidth,
  dark: frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches,
  outside: outside.map(named), contrasts, unseen: unseen.map(named), hidden: hidden.map(named),
  reached: reached.map(named),
  boxes: all.filter(each => each.matches(".box") && each.scrollWidth > each.clientWidth).length,
});
"""

FRAME = """<!DOCTYPE html><html><head><meta name="color-scheme" content="light dark"></head><body>
<iframe id="frame" width="400" height="800" style="border: 0" srcdoc="{page}"></iframe><pre id="found"></pre>
<script>frame.addEventListener("load", () => {{ {script} }});</script></body></html>"""


def dumped(content, folder, *flags):
    """What a browser makes of a page."""
    path = folder / "page.html"
    path.write_text(content)
    return browser.run(path, folder / "browser", *flags, "dump-dom").stdout


@pytest.fixture(scope="module")
def several():
    """A page with all that a page may have, and names that are hard to break."""
    gates = [("passed", "check.max_lsb=1, at most 1 LSB"), ("failed", LONG), ("undefined", "check.sqnr_db=9")]
    chapters = [chapter(name, LONG, gates) for name in ("lstm-int8", f"lmu-{LONG}")]
    return page(*chapters, title="2 configurations")[REPORT].decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_and_a_keyboard_are_enough(scheme, several, tmp_path):
    framed = FRAME.format(page=text.escape(several), script=MEASURE)
    shown = dumped(framed, tmp_path, *(["force-dark-mode"] if scheme == "dark" else []))
    (made,) = re.findall(r'<pre id="found">(.+?)</pre>', shown)
    found = json.loads(text.unescape(made))
    assert (found["width"], found["dark"]) == (400, scheme == "dark")
    assert not found["outside"]
    assert not found["scrolled"]
    assert not found["hidden"]
    assert found["boxes"] > 2
    assert min(found["contrasts"])[0] >= 4.5
    assert {"SPAN.passed", "SPAN.failed", "SPAN.undefined", "text."} <= {name for _, name in found["contrasts"]}
    assert found["reached"][0] == "A.skip"
    assert {"A.", "DIV.box", "SUMMARY."} <= set(found["reached"])
    assert not found["unseen"]


def test_the_skip_link_comes_first_and_leads_to_the_answers(several, tmp_path):
    script = """<script>addEventListener("load", () => {
      const first = document.querySelector("a[href], summary, [tabindex='0']");
      first.click();
      const answers = document.activeElement.querySelector("a[href], .answers");
      document.title = [first.className, document.activeElement.id, answers.className].join(" ");
    })</script>"""
    shown = dumped(several.replace("</body>", f"{script}</body>"), tmp_path)
    assert "<title>skip main answers</title>" in shown
