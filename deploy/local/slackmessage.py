"""slackmessage: checks a webhook's message as Slack does, and shows it as text and as HTML."""

import html
import json
import re

# Slack's own limit of attachments, and what this stand-in reads at most.
MAX_ATTACHMENTS = 100
_COLORS = {"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}
# <https://example.test|label>, <https://example.test>, or a bare URL.
_LINK = re.compile(r"<(https?://[^|>\s]+)(?:\|([^>]*))?>|(https?://[^\s<>\"]+[^\s<>\".,;:!?)])")


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
    fields = attachment.get("fields") or []
    if not isinstance(fields, list) or not all(
        isinstance(field, dict) and isinstance(field.get("title") or "", str) and isinstance(field.get("value") or "", str)
        for field in fields
    ):
        raise Refused(400, "invalid_attachments")
    if not any(attachment.get(name) for name in ("title", "text", "fallback", "pretext", "fields", "blocks", "image_url")):
        raise Refused(400, "missing_text_or_fallback_or_attachments")


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
    return html.unescape(_LINK.sub(lambda link: link[2] or link[1] or link[3], text))


def page(messages):
    """The messages, newest first, as a page that reloads itself. Nothing in them is trusted."""
    shown = "\n".join(_message(one) for one in reversed(messages))
    return _PAGE.replace("{messages}", shown or '<p class="empty">No message yet.</p>')


def _message(message):
    payload = message["payload"]
    name = html.escape(payload.get("username") or "incoming-webhook")
    parts = [f'<article><header><b>{name}</b> <span class="app">APP</span> <time>{html.escape(message["at"])}</time></header>']
    if payload.get("text"):
        parts.append(f"<p>{_marked(payload['text'])}</p>")
    parts += [_attachment(one) for one in payload.get("attachments") or []]
    return "".join(parts) + "</article>"


def _attachment(attachment):
    color = attachment.get("color") or ""
    color = _COLORS.get(color, color if re.fullmatch(r"#[0-9a-fA-F]{3,6}", color) else "#dddddd")
    parts = [f"<p>{_marked(attachment['pretext'])}</p>" if attachment.get("pretext") else ""]
    parts.append(f'<div class="attachment" style="border-color:{color}">')
    if attachment.get("title"):
        title = html.escape(html.unescape(attachment["title"]))
        link = attachment.get("title_link") or ""
        if re.match(r"https?://", link):
            title = f'<a href="{html.escape(link)}">{title}</a>'
        parts.append(f"<h2>{title}</h2>")
    if attachment.get("text"):
        parts.append(f"<p>{_marked(attachment['text'])}</p>")
    for field in attachment.get("fields") or []:
        parts.append(f"<p><b>{_marked(field.get('title') or '')}</b><br>{_marked(field.get('value') or '')}</p>")
    if attachment.get("footer"):
        parts.append(f"<footer>{html.escape(attachment['footer'])}</footer>")
    return "".join(parts) + "</div>"


def _marked(text):
    """Slack's mark-up as HTML: links, *bold*, `code`, line ends; all else escaped."""
    parts, at = [], 0
    for link in _LINK.finditer(text):
        parts.append(_styled(text[at : link.start()]))
        url = link[1] or link[3]
        label = html.escape(html.unescape(link[2] or url))
        parts.append(f'<a href="{html.escape(html.unescape(url))}">{label}</a>')
        at = link.end()
    return "".join(parts) + _styled(text[at:])


def _styled(text):
    text = html.escape(html.unescape(text), quote=False)
    text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text)
    text = re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"<b>\1</b>", text)
    return text.replace("\n", "<br>")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Slack stand-in</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; color: #1d1c1d; max-width: 46em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.2em; border-bottom: 1px solid #ddd; padding-bottom: .5em }
article { margin: 1.3em 0 } header { margin-bottom: .2em } p { margin: .2em 0 } .empty, time, footer { color: #616061 }
.app { font-size: .65em; background: #e8e8e8; border-radius: 3px; padding: .1em .4em; color: #616061 }
.attachment { border-left: 4px solid; padding: .1em .9em; margin: .3em 0 } h2 { font-size: 1em; margin: .2em 0 }
a { color: #1264a3; text-decoration: none } code { background: #f4f4f4; padding: 0 .2em }
</style></head><body>
<h1># alerts <small>(a local stand-in for Slack; newest first)</small></h1>
{messages}
</body></html>
"""
