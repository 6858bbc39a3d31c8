"""Web apps of our own in a real browser: mail, calendar, shop admin, settings."""

from agentgym.env.registry import register

_SUMMARIES = {
    "Mail": "read, file, answer and write mails in a web app, in headless Chromium",
    "Calendar": "add, move and cancel events in a web app, in headless Chromium",
    "Shop": "look after products, orders and codes of a shop, in headless Chromium",
    "Settings": "find and change the options of a device, in headless Chromium",
}

for _name, _summary in _SUMMARIES.items():
    register(
        f"agentgym/GUI-{_name}-v0",
        "agentgym_envs.webapps.env:WebApp",
        summary=_summary,
        max_episode_steps=30,
        app=_name.lower(),
    )
