"""What follows a task that succeeded: its links and the next step of its chain."""

from __future__ import annotations

from typing import Any

from celery.canvas import group, maybe_signature


def send_callbacks(app: Any, request: Any, value: Any) -> None:
    """Send the links, then the next step of the chain, each with *value* in front.

    As ``celery/app/trace.py: build_tracer``: one link is sent by itself; of
    several, groups are sent one by one and the others as one group. The chain
    in the message is reversed, its next step is the last element.
    """
    options = {
        "parent_id": request.id,
        "root_id": request.root_id or request.id,
        "priority": request.delivery_info.get("priority") if app.conf.task_inherit_parent_priority else None,
    }
    links = [maybe_signature(link, app=app) for link in request.callbacks or ()]
    if len(links) == 1:
        links[0].apply_async((value,), **options)
    else:
        for link in links:
            if isinstance(link, group):
                link.apply_async((value,), **options)
        others = [link for link in links if not isinstance(link, group)]
        if others:
            group(others, app=app).apply_async((value,), **options)
    if request.chain:
        following = maybe_signature(request.chain[-1], app=app)
        following.apply_async((value,), chain=request.chain[:-1], **options)
