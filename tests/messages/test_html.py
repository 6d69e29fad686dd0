"""What a reader sees of an HTML mail, and that no mail can hurt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.messages.clean import clean
from triage.messages.html import render
from triage.messages.values import MAX_TEXT


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain words", "plain words"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("a <b>bold</b>  move\n now", "a bold move now"),
        ("no<b>space</b>added", "nospaceadded"),
        ("fish &amp; chips &lt;3 &#163;5&nbsp;off &euro;", "fish & chips <3 £5 off €"),
        ("5 < 6 and 7 > 2", "5 < 6 and 7 > 2"),
        ("<a href='https://example.com/?token=1'>the page</a>", "the page"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        ("<ol><li>one</li><li>two</li></ol>", "1. one\n2. two"),
        (
            "<table><tr><th>Item</th><th>Price</th></tr><tr><td>Boots</td><td>£42</td></tr></table>",
            "Item | Price\nBoots | £42",
        ),
        ("<h1>Title</h1>text", "Title\n\ntext"),
        ("<pre>a\n  b</pre>", "a\nb"),
        ("<head><title>t</title><style>p{color:red}</style></head><body>x</body>", "x"),
        ("x<script>alert('<p>no</p>')</script>y", "xy"),
        ("x<!-- <p>no</p> -->y", "xy"),
        ("x<!--[if mso]><p>no</p><![endif]-->y", "xy"),
        ("<!DOCTYPE html><?xml version='1'?>x", "x"),
        ("<div style='display:none'>no</div>x", "x"),
        ("<div style='DISPLAY : NONE'><div>no</div>no</div>x", "x"),
        ("<span style='font-size:0px'>no</span>x", "x"),
        ("<span style='max-height:0;mso-hide:all'>no</span>x", "x"),
        ("<span style='font-size:0.9em;opacity:0.8'>yes</span>", "yes"),
        ("<p hidden>no</p>x", "x"),
        ("<p style='display:none'>no<p>yes", "yes"),
        ("<blockquote>old<br>words</blockquote>new", "> old\n> words\n\nnew"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n> >\n> > b"),
        ("<blockquote style='margin:0 0 0 40px;border:none'>mine</blockquote>", "mine"),
        ("<img src='x' alt='😡'> bad <img alt='Our logo'>", "😡 bad"),
        ("a&#8203;b\u00adc", "abc"),
        ("<a title='2 > 1'>ok</a>", "ok"),
        ("<img src='data:image/png;base64," + "A" * 9000 + "'>ok", "ok"),
        ("<div title=\"5\" disk\">ok</div>", "ok"),
        ("a <b and c", "a <b and c"),
        ("</p></div></blockquote>x", "x"),
        ("<DIV>ONE</DIV><P>two", "ONE\n\ntwo"),
    ],
)  # fmt: skip
def test_render(html, text) -> None:
    assert render(html) == text


MAIL = """<html><head><style>p {{}}</style></head><body>
<div style="display:none">Your ticket was updated</div>
<div dir="ltr">Where is my <b>refund</b>?</div>
<div class="gmail_signature" data-smartmail="gmail_signature"><div>Jo Doe<br>Acme Ltd</div></div><br>
{quote}</body></html>"""


@pytest.mark.parametrize(
    "quote",
    [
        '<div class="gmail_quote"><div class="gmail_attr">On Mon, 3 Nov 2026 at 10:12, Acme &lt;'
        '<a href="mailto:h@example.com">h@example.com</a>&gt; wrote:<br></div>'
        '<blockquote class="gmail_quote"><div>We are looking<br>into it.</div></blockquote></div>',
        '<blockquote type="cite"><div>On 3 Nov 2026, at 10:12, Acme &lt;h@example.com&gt; wrote:</div><br>'
        "We are looking.</blockquote>",
        '<hr><div id="divRplyFwdMsg"><b>From:</b> Acme<br><b>Sent:</b> Monday<br><b>To:</b> Jo<br>'
        "<b>Subject:</b> Re: x</div><p>We are looking</p>",
        '<div class="moz-cite-prefix">On 03/11/2026 10:12, Acme wrote:<br></div>'
        '<blockquote type="cite"><p>We are looking</p></blockquote>',
    ],
    ids=["gmail", "apple", "outlook", "thunderbird"],
)
def test_only_the_new_words_of_a_reply_are_scored(quote) -> None:
    assert clean(render(MAIL.format(quote=quote))).text.strip() == "Where is my refund?"


BOMBS = {
    "nested": "<div>" * 100_000 + "x",
    "nested, closed otherwise": "<div></b>" * 100_000,
    "quotations": "<blockquote>" * 50_000 + "x",
    "formatting": "".join(f"<div><b id={i}></div>" for i in range(50_000)),
    "attributes": "<a " + " ".join(f"a{i}=1" for i in range(150_000)) + ">x</a>",
    "attribute": '<a b="' + "x" * 1_900_000,
    "open tags": "<a" * 900_000,
    "open quotes": '<a "' * 500_000,
    "comments": "<!--" * 400_000,
    "tables": "<table><tr><td>" * 60_000,
    "lists": "<ul><li>" * 100_000,
    "scripts": "<script>" * 200_000,
    "entities": "&amp;" * 400_000,
    "ampersands": "&" * 1_900_000,
    "brackets": "<" * 1_900_000,
    "words": "<p>hello</p>" * 150_000,
    "long line": "word " * 400_000,
    "preformatted": "<pre>" + "\n" * 1_900_000,
    "hidden": "<div hidden>" * 150_000,
    "no text": "\x00" * 1_000_000,
}


@pytest.mark.timeout(10)  # each takes about a second at most; a tree builder took minutes for some
@pytest.mark.parametrize("html", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_are_rendered_within_bounds(html) -> None:
    assert len(render(html)) <= MAX_TEXT


tags = st.sampled_from(
    [
        "<div>",
        "</div>",
        "<p>",
        "<blockquote>",
        "</blockquote>",
        "<pre>",
        "</pre>",
        "<li>",
        "<br>",
        "<td>",
        "<",
        ">",
        "&lt;",
    ]
)


@given(st.lists(tags | st.text(max_size=12), max_size=20).map("".join))
def test_anything_renders_to_lines_without_tags_or_loose_space(html) -> None:
    text = render(html)
    assert text == text.strip()
    assert "\n\n\n" not in text


@given(st.lists(st.text("abc", min_size=1), min_size=1, max_size=6))
def test_no_word_is_lost(words) -> None:
    html = "".join(f"<div><p>{word}</p></div>" for word in words)
    assert render(html).split() == words
