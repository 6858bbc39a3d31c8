"""Trainers for language agents: rollouts x context x credit x objective, one method, one file.

    import agentgym, agentgym_trainers
    config = agentgym_trainers.load(Path("examples/quickstart.toml"), ["--steps=2"])
    before, after = agentgym.run(agentgym_trainers.train, config)

``__init__.pyi`` lists what is exported; a name is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
