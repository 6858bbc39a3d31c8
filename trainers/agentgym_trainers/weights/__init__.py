"""How the learner's weights reach a vLLM engine, one way a file.

adapter.py   a LoRA adapter, loaded in place
folder.py    all weights through a memory-backed folder; works on every build of vLLM
native.py    all weights by vLLM's own transfer: NCCL between GPUs, CUDA IPC on one GPU
whole.py     what a model's weights are, with adapters merged in, and what checkpoints call them
rounding.py  what an engine of low precision does not see of an update
update.py    what all ways share: pause, load, label, resume; and the proof that it worked
"""
