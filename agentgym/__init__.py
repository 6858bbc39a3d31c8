"""agentgym: multi-turn text environments, exact rollouts, step-level credit.

    import agentgym
    env = agentgym.make("agentgym/WebShop-v0", level="easy")
    policy = agentgym.random_policy()
    trajectory = agentgym.run(agentgym.rollout, env, policy, env.tasks("test")[0])

``__init__.pyi`` lists what is exported, for type checkers and for the lazy loader: importing this
package costs no torch and no gymnasium, a name is loaded when it is first used.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
