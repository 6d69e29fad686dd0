"""The console: pages that agents and analysts work in, served by the API itself.

Pages translate between a browser and the same domain functions that /v1 uses, and decide nothing. Every form is plain
HTML that works without a script; htmx swaps the part that changed where there is one.
"""

from fastapi import APIRouter

from api.pages import conversation, drafts, follow_ups, home, queue, sign_in
from api.pages.assets import static

router = APIRouter(include_in_schema=False)
for module in (sign_in, home, queue, conversation, drafts, follow_ups):
    router.include_router(module.router)

__all__ = ["router", "static"]
