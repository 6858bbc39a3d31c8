"""Ten lines: make an environment, play it with two policies, look at what was recorded."""

import agentgym

env = agentgym.make("agentgym/WebShop-v0", level="easy")
for policy in (agentgym.expert_policy(), agentgym.random_policy()):
    trajectory = agentgym.run(agentgym.rollout, env, policy, env.tasks("test")[0])
    for step in trajectory.steps:
        print(f"{step.action:<40} reward {step.reward:.2f} valid {step.valid}")
    print(f"{trajectory.stop_reason}, success {trajectory.success}\n")
