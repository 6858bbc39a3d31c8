"""ToolUse: serve a user by calling the tools of a company, as its rules demand."""

from agentgym.env.registry import register

_SUMMARIES = {
    "Retail": "refund, cancel, exchange and look up orders of a shop, as its rules demand",
    "Travel": "book, move and cancel flights and hotels, as the agency's rules demand",
    "Calendar": "arrange, move and cancel meetings with people who have calendars of their own",
    "Files": "move, edit, back up and delete the right files of a shared drive",
    "Bank": "pay, transfer, block and dispute for customers of a bank, as its rules demand",
}
for _name, _summary in _SUMMARIES.items():
    register(
        f"agentgym/ToolUse-{_name}-v0",
        "agentgym_envs.tooluse.env:ToolUse",
        summary=_summary,
        max_episode_steps=20,
        domain=_name.lower(),
    )
