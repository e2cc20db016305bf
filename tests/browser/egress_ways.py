"""All the ways by which a page makes a browser connect to another host, each with a path of its own
at that host by which it is known there.
"""

from tests.browser.egressing import Answer, Server

_BODY = {
    "img": '<img src="{to}">',
    "srcset": '<img srcset="{to} 1x">',
    "picture": '<picture><source srcset="{to}"><img></picture>',
    "input_image": '<input type="image" src="{to}">',
    "video": '<video src="{to}" preload="auto"></video>',
    "poster": '<video poster="{to}"></video>',
    "audio": '<audio src="{to}" preload="auto"></audio>',
    "track": '<video src="/v" crossorigin><track default src="{to}"></video>',
    "embed": '<embed src="{to}" type="text/html">',
    "object": '<object data="{to}" type="text/html"></object>',
    "iframe": '<iframe src="{to}"></iframe>',
    "sandboxed": '<iframe sandbox="allow-scripts" src="{to}"></iframe>',
    "credentialless": '<iframe credentialless src="{to}"></iframe>',
    "srcdoc": "<iframe srcdoc='<img src=\"{to}\">'></iframe>",
    "data_frame": "<iframe src='data:text/html,<img src=\"{to}\">'></iframe>",
    "stylesheet": '<link rel="stylesheet" href="{to}">',
    "preload": '<link rel="preload" as="script" href="{to}">',
    "modulepreload": '<link rel="modulepreload" href="{to}">',
    "prefetch": '<link rel="prefetch" href="{to}">',
    "script": '<script async src="{to}"></script>',
    "module": '<script type="module" src="{to}"></script>',
    "module_import": '<script type="module">import "{to}"</script>',
    "import": "<script>import('{to}').catch(() => 0)</script>",
    "css_import": '<style>@import url("{to}");</style>',
    "css_background": '<div style="background: url({to})">x</div>',
    "css_cursor": '<div style="cursor: url({to}), auto">x</div>',
    "css_border": '<div style="border: 9px solid; border-image: url({to}) 9">x</div>',
    "css_content": '<style>#cc::before {{ content: url("{to}") }}</style><i id="cc"></i>',
    "css_list": '<ul><li style="list-style-image: url({to})">x</ul>',
    "css_mask": '<div style="mask-image: url({to})">x</div>',
    "css_filter": '<div style="filter: url({to}#f)">x</div>',
    "css_image_set": '<div style="background: image-set(url({to}) 1x)">x</div>',
    "font": '<style>@font-face {{ font-family: ff; src: url("{to}") }}</style>'
    '<b style="font-family: ff">x</b>',
    "svg_image": '<svg><image href="{to}" width="9" height="9"/></svg>',
    "svg_feimage": '<svg><filter id="fi"><feImage href="{to}"/></filter>'
    '<rect width="9" height="9" filter="url(#fi)"/></svg>',
    "svg_script": '<svg><script href="{to}"></script></svg>',
    "table_background": '<table background="{to}"><tr><td>x</table>',
    "meta_refresh": "<iframe srcdoc='<meta http-equiv=refresh content=\"0;url={to}\">'></iframe>",
    "fetch": "<script>fetch('{to}').catch(() => 0)</script>",
    "fetch_no_cors": "<script>fetch('{to}', {{mode: 'no-cors'}}).catch(() => 0)</script>",
    "fetch_keepalive": "<script>fetch('{to}', {{keepalive: true}}).catch(() => 0)</script>",
    "fetch_preflight": "<script>fetch('{to}', {{method: 'PUT'}}).catch(() => 0)</script>",
    "xhr": "<script>x = new XMLHttpRequest(); x.open('GET', '{to}'); x.send()</script>",
    "beacon": "<script>navigator.sendBeacon('{to}', 'x')</script>",
    "event_source": "<script>new EventSource('{to}')</script>",
    "image_object": "<script>new Image().src = '{to}'</script>",
    "audio_object": "<script>new Audio('{to}').load()</script>",
    "font_face": "<script>new FontFace('f2', 'url({to})').load().catch(() => 0)</script>",
    "frame_location": "<iframe id=fl></iframe><script>fl.contentWindow.location = '{to}'</script>",
    "frame_script": "<iframe id=fs></iframe><script>fs.contentWindow.eval("
    "\"fetch('{to}').catch(() => 0)\")</script>",
    "blob_frame": "<iframe id=bf></iframe><script>bf.src = URL.createObjectURL("
    "new Blob(['<img src={to}>'], {{type: 'text/html'}}))</script>",
    "form": '<iframe name=ff></iframe><form id=fo target=ff method=post action="{to}"></form>'
    "<script>fo.submit()</script>",
    "worker_fetch": "<script>new Worker(URL.createObjectURL(new Blob([\"fetch('{to}')"
    '.catch(() => 0)"])))</script>',
    "worker_import": "<script>new Worker(URL.createObjectURL(new Blob(["
    "\"importScripts('{to}')\"])))</script>",
    "worker_module": "<script>new Worker(URL.createObjectURL(new Blob(["
    "\"import '{to}'\"], {{type: 'text/javascript'}})), {{type: 'module'}})</script>",
    "shared_worker": "<script>new SharedWorker(URL.createObjectURL(new Blob([\"fetch('{to}')"
    '.catch(() => 0)"])))</script>',
    "worklet": "<script>CSS.paintWorklet?.addModule('{to}').catch(() => 0)</script>",
    "audio_worklet": "<script>new AudioContext().audioWorklet?.addModule('{to}')"
    ".catch(() => 0)</script>",
    "svg_use": '<svg><use href="{to}#x"/></svg>',
}
"""In the page itself."""
_AT_HOME: dict[str, tuple[str, str, str]] = {
    "redirected_img": ('<img src="/to_redirected_img">', "302 Found\r\nLocation: {to}", ""),
    "redirected_frame": (
        '<iframe src="/to_redirected_frame"></iframe>',
        "307 Moved\r\nLocation: {to}",
        "",
    ),
    "redirected_fetch": (
        "<script>fetch('/to_redirected_fetch').catch(() => 0)</script>",
        "308 Moved\r\nLocation: {to}",
        "",
    ),
    "redirected_script": (
        '<script async src="/to_redirected_script"></script>',
        "301 Moved\r\nLocation: {to}",
        "",
    ),
    "refresh_header": (
        '<iframe src="/to_refresh_header"></iframe>',
        "200 OK\r\nContent-Type: text/html\r\nRefresh: 0;url={to}",
        "x",
    ),
    "link_header": (
        '<iframe src="/to_link_header"></iframe>',
        "200 OK\r\nContent-Type: text/html\r\nLink: <{to}>; rel=preload; as=image",
        "x",
    ),
    "csp_report": (
        '<iframe src="/to_csp_report"></iframe>',
        (
            "200 OK\r\nContent-Type: text/html\r\n"
            "Content-Security-Policy: img-src 'none'; report-uri {to}"
        ),
        "<img src=/x.png>",
    ),
    "css_nested": ('<link rel=stylesheet href="/to_css_nested">', "text/css", '@import "{to}";'),
    "svg_document": (
        '<iframe src="/to_svg_document"></iframe>',
        "image/svg+xml",
        '<svg xmlns="http://www.w3.org/2000/svg"><image href="{to}" width="9" height="9"/></svg>',
    ),
    "xml_style": (
        '<iframe src="/to_xml_style"></iframe>',
        "text/xml",
        '<?xml version="1.0"?><?xml-stylesheet type="text/css" href="{to}"?><a>x</a>',
    ),
    "service_worker": (
        "<script>navigator.serviceWorker.register('/to_service_worker')</script>",
        "text/javascript",
        "skipWaiting(); fetch('{to}', {{mode: 'no-cors'}}).catch(() => 0);",
    ),
    "module_worker": (
        "<script>new Worker('/to_module_worker', {{type: 'module'}})</script>",
        "text/javascript",
        "import '{to}'",
    ),
}
"""By something of the page's own host: how it is asked for, its kind, what is in it."""
_HEAD = {
    "favicon": '<link rel="icon" href="{to}">',
    "manifest": '<link rel="manifest" href="{to}" crossorigin>',
    "speculation_prefetch": '<script type="speculationrules">{{"prefetch": [{{"urls": ["{to}"], '
    '"eagerness": "immediate"}}]}}</script>',
    "speculation_prerender": '<script type="speculationrules">{{"prerender": [{{"urls": ["{to}"], '
    '"eagerness": "immediate"}}]}}</script>',
    "prerender": '<link rel="prerender" href="{to}">',
}
_CLICKED = {
    "popup": "open('{to}')",
    "popup_noopener": "open('{to}', '_blank', 'noopener')",
    "blank_popup": "open('').document.write('<img src=\"{to}\">')",
    "ping": "a = document.createElement('a'); a.href = '#x'; a.ping = '{to}';"
    "document.body.append(a); a.click()",
    "download": "b = document.createElement('a'); b.href = '{to}'; b.download = 'x';"
    "document.body.append(b); b.click()",
}
_LEFT = {
    "unload_beacon": "navigator.sendBeacon('{to}', 'x')",
    "unload_fetch": "fetch('{to}', {{keepalive: true}}).catch(() => 0)",
}
NAMES = frozenset((*_BODY, *_AT_HOME, *_HEAD, *_CLICKED, *_LEFT))
SILENT = frozenset(("css_filter", "svg_use", "favicon", "manifest", "prerender"))
"""Those that the headless shell never follows to another host; a full browser may."""


def build(home: Server, far: Server) -> None:
    """The pages of `home` by which its visitor connects to `far`."""

    def filled(name: str, text: str) -> str:
        return text.format(to=f"{far.origin}/{name}")

    body = [filled(name, text) for name, text in _BODY.items()]
    for name, (asked, kind, inside) in _AT_HOME.items():
        body.append(filled(name, asked))
        home.pages[f"/to_{name}"] = (filled(name, kind), filled(name, inside).encode())
    head = [filled(name, text) for name, text in _HEAD.items()]
    clicked = ";".join(filled(name, text) for name, text in _CLICKED.items())
    left = ";".join(filled(name, text) for name, text in _LEFT.items())
    body.append(f"<script>new WebSocket('ws://127.0.0.1:{far.port}/websocket')</script>")
    script = f"onpagehide = () => {{ {left} }}; function clicked() {{ {clicked} }}"
    home.pages["/"] = _page(
        f"<title>ways</title>{''.join(head)}<script>{script}</script>"
        f"<button id=click onclick=clicked()>go</button>{''.join(body)}"
    )
    home.pages["/blank"] = _page("<title>blank</title>")


def _page(text: str) -> Answer:
    return "text/html", f"<!doctype html>{text}".encode()
