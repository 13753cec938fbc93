"""slackmessage: checks a webhook's message as Slack does, and shows it as text and as HTML.

What is refused follows https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks; where Slack cuts a text
or leaves out a colour that it does not know, this refuses, so that no test takes half a message for a whole one.
"""

import html
import json
import re

# Slack's own limits: attachments of a message, and characters where it cuts.
MAX_ATTACHMENTS = 100
MAX_TEXT = 40000
MAX_ATTACHMENT = {"title": 1024, "fallback": 1024, "text": 8000, "pretext": 8000, "footer": 300}
# A channel's name or id, or somebody's.
_CHANNEL = re.compile(r"[#@]?[\w.-]{1,80}")
_COLORS = {"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}
# <https://example.test|label>, <https://example.test>, or a bare URL.
_LINK = re.compile(r"<(https?://[^|>\s]+)(?:\|([^>]*))?>|(https?://[^\s<>\"]+[^\s<>\".,;:!?)])")
# What else Slack takes for an address: www.example.test, a.b@example.test.
_ADDRESS = re.compile(r"[\w-]+(?:[.@][\w-]+)*\.[A-Za-z]{2,}\b")


class Refused(Exception):
    """Slack would not take the message: its status and its word for it."""

    def __init__(self, status, word):
        super().__init__(word)
        self.status = status
        self.word = word


def parse(body):
    """The payload of a request's body, checked; Refused as Slack would."""
    try:
        payload = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Refused(400, "invalid_payload") from None
    if not isinstance(payload, dict):
        raise Refused(400, "invalid_payload")
    for name in ("text", "username", "channel", "icon_url", "icon_emoji"):
        if not isinstance(payload.get(name) or "", str):
            raise Refused(400, "invalid_payload")
    if len(payload.get("text") or "") > MAX_TEXT:
        raise Refused(400, "msg_too_long")
    if not _CHANNEL.fullmatch(payload.get("channel") or "#alerts"):
        raise Refused(404, "channel_not_found")
    attachments = payload.get("attachments") or []
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise Refused(400, "invalid_attachments")
    if len(attachments) > MAX_ATTACHMENTS:
        raise Refused(400, "too_many_attachments")
    for attachment in attachments:
        _check_attachment(attachment)
    if not (payload.get("text") or attachments or payload.get("blocks")):
        raise Refused(400, "no_text")
    return payload


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def _check_attachment(attachment):
    for name in ("title", "title_link", "text", "fallback", "pretext", "color", "footer"):
        if not isinstance(attachment.get(name) or "", str):
            raise Refused(400, "invalid_attachments")
        if len(attachment.get(name) or "") > MAX_ATTACHMENT.get(name, MAX_TEXT):
            raise Refused(400, "invalid_attachments")
    if not _is_color(attachment.get("color") or "good"):
        raise Refused(400, "invalid_attachments")
    fields = attachment.get("fields") or []
    if not isinstance(fields, list) or not all(
        isinstance(field, dict) and isinstance(field.get("title") or "", str) and isinstance(field.get("value") or "", str)
        for field in fields
    ):
        raise Refused(400, "invalid_attachments")
    if not any(attachment.get(name) for name in ("title", "text", "fallback", "pretext", "fields", "blocks", "image_url")):
        raise Refused(400, "missing_text_or_fallback_or_attachments")


def _is_color(text):
    return text in _COLORS or re.fullmatch(r"#?[0-9a-fA-F]{6}", text) is not None


def mentions(payload):
    """What in a message would call people or lead to a channel: ["<!channel>"]. An honest message has none."""
    return re.findall(r"<[!@#][^>]*>", json.dumps(payload, ensure_ascii=False))


def links(text):
    """[(address, words)] of the links that Slack would make of a text, also of bare addresses outside of code."""
    outside = re.sub(r"`[^`\n]+`", "", text)
    found = [(_unescaped(one[1] or one[3]), one[2] or one[3]) for one in _LINK.finditer(outside)]
    return found + [(one[0], one[0]) for one in _ADDRESS.finditer(_LINK.sub("", outside))]


def summary(payload):
    """{"title", "text", "firing"}: the first attachment (or the message itself) in plain text."""
    first = (payload.get("attachments") or [{}])[0]
    return {
        "title": plain(first.get("title") or payload.get("text") or first.get("fallback") or ""),
        "text": plain(first.get("text") or ""),
        "firing": first.get("color") != "good",
    }


def plain(text):
    """Slack's mark-up as plain text."""
    text = _LINK.sub(lambda link: link[2] or link[1] or link[3], text)
    return _unescaped(re.sub(r"`([^`\n]+)`|(?<![\w*])\*([^*\n]+)\*(?![\w*])", lambda marked: marked[1] or marked[2], text))


def page(messages, watchdog=None):
    """The messages, newest first, as a page that reloads itself; `watchdog` says when the dead-man's switch was called
    last. Nothing in them is trusted."""
    shown = "\n".join(_message(one) for one in reversed(messages))
    called = f'<p class="watchdog">The dead-man\'s switch was last called at {html.escape(watchdog)}.</p>' if watchdog else ""
    return _PAGE.replace("{watchdog}", called).replace("{messages}", shown or '<p class="empty">No message yet.</p>')


def _message(message):
    payload = message["payload"]
    name = html.escape(payload.get("username") or "Alertmanager")
    parts = [f'<article><div class="face">A</div><div><header><b>{name}</b> <span class="app">APP</span> ']
    parts.append(f'<time>{html.escape(message["at"])}</time> <span class="channel">{html.escape(message["channel"])}</span></header>')
    if payload.get("text"):
        parts.append(f"<p>{_marked(payload['text'])}</p>")
    parts += [_attachment(one) for one in payload.get("attachments") or []]
    return "".join(parts) + "</div></article>"


def _attachment(attachment):
    color = attachment.get("color") or "#dddddd"
    color = _COLORS.get(color) or "#" + color.lstrip("#")
    parts = [f"<p>{_marked(attachment['pretext'])}</p>" if attachment.get("pretext") else ""]
    parts.append(f'<div class="attachment" style="border-color:{html.escape(color)}">')
    if attachment.get("title"):
        title = html.escape(_unescaped(attachment["title"]))
        link = attachment.get("title_link") or ""
        if re.match(r"https?://", link):
            title = f'<a href="{html.escape(link)}">{title}</a>'
        parts.append(f"<h2>{title}</h2>")
    if attachment.get("text"):
        parts.append(f"<p>{_marked(attachment['text'])}</p>")
    for field in attachment.get("fields") or []:
        parts.append(f"<p><b>{_marked(field.get('title') or '')}</b><br>{_marked(field.get('value') or '')}</p>")
    if attachment.get("footer"):
        parts.append(f"<footer>{html.escape(_unescaped(attachment['footer']))}</footer>")
    return "".join(parts) + "</div>"


def _unescaped(text):
    """Slack knows these three and no other."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _marked(text):
    """Slack's mark-up as HTML: `code`, in which nothing else counts, and around it links, *bold* and line ends."""
    parts = re.split(r"`([^`\n]+)`", text)
    return "".join(f"<code>{_escaped(part)}</code>" if number % 2 else _linked(part) for number, part in enumerate(parts))


def _linked(text):
    parts, at = [], 0
    for link in _LINK.finditer(text):
        parts.append(_styled(text[at : link.start()]))
        url = _unescaped(link[1] or link[3])
        parts.append(f'<a href="{html.escape(url)}">{_escaped(link[2] or url)}</a>')
        at = link.end()
    return "".join(parts) + _styled(text[at:])


def _escaped(text):
    return html.escape(_unescaped(text), quote=False)


def _styled(text):
    parts = re.split(r"<!(channel|here|everyone)[^>]*>", text)
    shown = [f'<span class="mention">@{part}</span>' if number % 2 else _escaped(part) for number, part in enumerate(parts)]
    text = re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"<b>\1</b>", "".join(shown))
    return text.replace("\n", "<br>")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Slack stand-in</title>
<style>
body { font: 15px/1.46 Lato, "Helvetica Neue", Arial, system-ui, sans-serif; color: #1d1c1d; max-width: 52em; margin: 1.5em auto; padding: 0 1em }
h1 { font-size: 1.15em; border-bottom: 1px solid #ddd; padding-bottom: .6em }
h1 small, .empty, .watchdog, time, footer, .channel { color: #616061; font-weight: normal }
article { display: flex; gap: .6em; margin: 1.1em 0 } article > div:last-child { min-width: 0; flex: 1 }
.face { flex: none; width: 36px; height: 36px; border-radius: 6px; background: #d8472b; color: #fff }
.face { font-weight: bold; text-align: center; line-height: 36px }
p { margin: .1em 0; overflow-wrap: anywhere; white-space: pre-wrap } time, .channel { font-size: .8em }
.app { font-size: .65em; background: #e8e8e8; border-radius: 2px; padding: .1em .35em; color: #616061; vertical-align: .1em }
.attachment { border-left: 4px solid; border-radius: 2px; padding: .1em .8em; margin: .2em 0 } h2 { font-size: 1em; margin: .1em 0; overflow-wrap: anywhere }
a { color: #1264a3; text-decoration: none } a:hover { text-decoration: underline }
code { font: .8em/1.5 Monaco, Menlo, Consolas, monospace; color: #e01e5a; background: #f7f7f7; padding: .1em .2em }
code { border: 1px solid #dedede; border-radius: 3px }
.mention { background: #fff3b8; color: #1264a3; border-radius: 3px; padding: 0 .15em }
</style></head><body>
<h1># alerts <small>a local stand-in for Slack, newest first</small></h1>
{watchdog}
{messages}
</body></html>
"""
