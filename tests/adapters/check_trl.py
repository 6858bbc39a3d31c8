"""A model that was shown one game trains on it with GRPOTrainer: it acts and is rewarded."""

import os
import sys
import tempfile

os.environ |= {"TRL_EXPERIMENTAL_SILENCE": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}

import torch
from tokenizers import AddedToken
from transformers import set_seed
from transformers.utils import get_json_schema
from trl import GRPOConfig, GRPOTrainer
from trl.chat_template_utils import qwen2_5_chat_template

import agentgym
from agentgym.env.text_env import Task, TextEnv
from agentgym.errors import EpisodeOver
from agentgym.export.trl import OVER, dataset, environment_factory
from agentgym_trainers.learner.tiny_model import tiny_model, tiny_tokenizer


class Say(TextEnv):
    """Say the word that is asked for."""

    system_prompt = "Say the word."
    over = True

    def tasks(self, split):
        return [Task(id=f"{split}-kiwi", split=split, data={"word": "kiwi"})]

    def reset(self, *, seed=None, options=None):
        self.word = self.task(seed, options).data["word"]
        self.over = False
        return f"Say {self.word}.", {}

    def step(self, action):
        if self.over:
            raise EpisodeOver
        self.over = action == self.word
        return "Right." if self.over else "Wrong.", float(self.over), self.over, False, {}


agentgym.register("check/Say-v0", Say, max_episode_steps=3)


def conversation(tools):
    """The game as a chat, the way TRL renders it."""
    row = dataset("check/Say-v0")[0]
    environment = environment_factory("check/Say-v0")()
    row["prompt"][-1]["content"] += environment.reset(task=row["task"])
    call = {"name": "act", "arguments": {"action": "kiwi"}}
    return [
        *row["prompt"],
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": call}],
        },
        {"role": "tool", "name": "act", "content": environment.act("kiwi")},
        {"role": "assistant", "content": "Done."},
    ]


def protocol():
    """What TRL is promised."""
    environment = environment_factory("check/Say-v0")()
    assert environment.act("kiwi") == OVER, "before reset"
    assert environment.reset(task="train-kiwi", prompt=[]) == "Say kiwi."
    assert environment.act("plum") == "Wrong." and environment.get_reward() == 0.0
    assert environment.act("kiwi") == f"Right.\n{OVER}" and environment.get_reward() == 1.0
    assert environment.act("kiwi") == OVER and environment.get_reward() == 1.0
    environment.reset(task="train-kiwi")
    assert environment.get_reward() == 0.0
    assert [environment.act("plum") for _ in range(3)][-1].endswith(OVER), "the limit of steps"


def main():
    protocol()
    set_seed(0)
    tools = [get_json_schema(environment_factory("check/Say-v0")().act)]
    assert tools[0]["function"]["parameters"]["required"] == ["action"]
    chat = conversation(tools)
    words = [*(m["content"] for m in chat), str(tools), qwen2_5_chat_template]
    tokenizer = tiny_tokenizer(words, vocabulary=600)
    tokenizer.add_tokens(
        [AddedToken(word, special=True) for word in ("<|im_start|>", "<|im_end|>")]
        + [AddedToken(word) for word in ("<tool_call>", "</tool_call>")]
    )
    tokenizer.chat_template, tokenizer.eos_token = qwen2_5_chat_template, "<|im_end|>"
    tokenizer.padding_side = "left"
    model = tiny_model(tokenizer, width=64, layers=2, context=2048, seed=0)
    ids = tokenizer.apply_chat_template(chat, tools=tools, return_tensors="pt", return_dict=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(200):
        loss = model(ids["input_ids"], labels=ids["input_ids"]).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    print(f"shown one game: loss {loss.item():.4f}")

    with tempfile.TemporaryDirectory() as folder:
        trainer = GRPOTrainer(
            model,
            args=GRPOConfig(
                folder,
                max_steps=2,
                per_device_train_batch_size=4,
                num_generations=4,
                max_completion_length=200,
                learning_rate=1e-5,
                temperature=0.5,
                logging_steps=1,
                report_to="none",
                use_cpu=True,
                save_strategy="no",
                bf16=False,
            ),
            processing_class=tokenizer,
            train_dataset=dataset("check/Say-v0"),
            environment_factory=environment_factory("check/Say-v0"),
        )
        trainer.train()
        logs = [log for log in trainer.state.log_history if "reward" in log]
    print(
        [{k: v for k, v in log.items() if k in ("reward", "tools/call_frequency")} for log in logs]
    )
    assert len(logs) == 2
    assert all(log["tools/call_frequency"] >= 0.5 and log["reward"] >= 0.5 for log in logs), logs
    assert all(log["tools/failure_frequency"] == 0 for log in logs), logs


if __name__ == "__main__":
    sys.exit(main())
