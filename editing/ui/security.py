"""Headers that keep the page to itself, and the early script that settles its language."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# No other host is ever asked for anything. Gradio's page needs inline scripts and styles; Spaces show it in a frame.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' blob: data:; font-src 'self' data:; worker-src 'self' blob:; "
    "media-src 'self' blob:; frame-ancestors 'self' https://huggingface.co https://*.hf.space"
)

# Gradio picks its language from navigator.language and knows zh-CN and zh-TW, not zh or zh-HK. ?lang= or the choice
# kept from before comes first; the cookie tells the server, which writes the toasts.
EARLY_SCRIPT = b"""<script>(function(){try{
var asked=new URLSearchParams(location.search).get("lang");if(asked)localStorage.setItem("atelier-lang",asked);
var lang=localStorage.getItem("atelier-lang")||navigator.language;
if(/^zh/i.test(lang))lang=/tw|hk|mo|hant/i.test(lang)?"zh-TW":"zh-CN";
else if(localStorage.getItem("atelier-lang"))lang="en";
Object.defineProperty(navigator,"language",{get:function(){return lang},configurable:true});
document.cookie="atelier_lang="+lang+";path=/;SameSite=Lax";document.documentElement.lang=lang;
}catch(error){}})();</script>"""


class SecurityHeaders:
    """ASGI middleware: adds the headers to every answer and the early script to the page."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        page = scope["path"] in ("/", "")
        if page:  # uncompressed, so that the script can be put in
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message["headers"] if not (page and pair[0].lower() == b"content-length")]
                headers += [
                    (b"content-security-policy", POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
                message = {**message, "headers": headers}
            elif message["type"] == "http.response.body" and page:
                message = {**message, "body": message.get("body", b"").replace(b"<head>", b"<head>" + EARLY_SCRIPT, 1)}
            await send(message)

        await self.app(scope, receive, send_with_headers)
