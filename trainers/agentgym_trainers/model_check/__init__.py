"""``agentgym check --model FOLDER``: whether a model can be sampled and trained exactly here.

subject.py    the model under test, and how a check says what it found
folder.py     what must hold before anything else can be tried
tokenizer.py  texts to ids and back
template.py   what the chat template writes, guards and ends
exact.py      sampling against the learner and the model's plain forward pass
adapters.py   LoRA: what is adapted, and what is sent of it
weights.py    names, shapes, saving and loading
engine.py     the same with vLLM
findings.py   all checks, in order
"""
