"""Makes pages of templates. Whatever a template shows is made safe and escaped here, so that no template has to."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from cloud_sync_common.safe_text import redact
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.aws_refusals import explained
from console.errors import ConsoleError, Exit
from console.stack import Stack
from console.web import words
from console.web.guard import FORM

PAGES = (
    ("/", "Tonight"),
    ("/library", "Library"),
    ("/runs", "Runs"),
    ("/restores", "Restores"),
    ("/cost", "Cost"),
)
SET_UP = (("/connections", "Connections"), ("/settings", "Settings"))
_STATUS = {Exit.USAGE: 400, Exit.NOT_FOUND: 404, Exit.CREDENTIALS: 502, Exit.ATTENTION: 409}

type View = Callable[[Request], Response]


@cache
def environment() -> Environment:
    """Every text passes `words.safe` and is escaped after that; a name that a template does not get is an error."""
    made = Environment(
        loader=PackageLoader("console.web", "templates"),
        autoescape=True,
        finalize=words.safe,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "clock": words.clock, "minutes": words.minutes, "number": words.number, "prose": words.prose,
        "size": words.size_of, "span": words.span_of, "title_of": words.title_of, "typed": words.typed,
        "usd": words.usd, "when": words.when, "month": words.month_name, "count": words.count_of,
        "in_words": words.in_words, "shelf": words.shelf_name, "lasting": words.lasting, "cents": words.cents,
        "item_of": lambda media_id, provider: words.item_path(provider, media_id),
    }  # fmt: skip
    return made


def page(stack: Stack, template: str, current: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of the stack. `current` is the path of the entry that leads to it."""
    text = environment().get_template(template).render(
        environment=stack.environment,
        region=stack.account.region,
        pages=PAGES,
        set_up=SET_UP,
        current=current,
        now=words.now(),
        **values,
    )  # fmt: skip
    return HTMLResponse(redact(text), status)


def fragment(template: str, **values: Any) -> HTMLResponse:
    """A part of a page, which takes the place of the one that is there."""
    return HTMLResponse(redact(environment().get_template(template).render(**values)))


def ended(request: Request, path: str, part: HTMLResponse) -> HTMLResponse:
    """The last part of what was followed: the page that it has of its own, at `path`, is read again (htmx reference,
    the request header HX-Current-URL and the response header HX-Refresh)."""
    if urlsplit(request.headers.get("hx-current-url", "")).path == path:
        part.headers["HX-Refresh"] = "true"
    return part


def field(request: Request, name: str) -> str:
    """A field of the form that was sent; empty where there is none."""
    form: dict[str, list[str]] = request.scope[FORM]
    return form.get(name, [""])[-1].strip()


def given(request: Request, name: str) -> list[str]:
    """All values of a name, in the form that was sent or in the address."""
    form: dict[str, list[str]] = request.scope[FORM]
    return form.get(name) or request.query_params.getlist(name)


def seen(path: str) -> RedirectResponse:
    """After something was done, the browser reads a page, so that reading it again does nothing twice."""
    return RedirectResponse(path, 303)


def answering(stack: Stack, view: View) -> View:
    """The view, which answers with a page also when it fails."""

    def answered(request: Request) -> Response:
        try:
            return view(request)
        except Exception as error:
            sentence, status = _meaning(error)
            return page(stack, "failed.html", "", status, sentence=sentence)

    return answered


def _meaning(error: Exception) -> tuple[str, int]:
    """As the command says it. What is a fault of ours has its name and no more: a message may hold foreign text."""
    known = error if isinstance(error, ConsoleError) else explained(error)
    if known:
        return str(known), _STATUS.get(known.exit_code, 500)
    return f"This is a fault of Cloud Sync ({type(error).__name__}). Please report it.", 500
