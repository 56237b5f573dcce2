"""12장의 Llama를 KerasHub의 LlamaCausalLM, Hugging Face의 LlamaForCausalLM과 견준다: 학습 한 스텝과 생성 속도.

    python benchmarks/llama.py [--size small|large] [--rounds 5]

모두 같은 모양, float32, CPU, 같은 스레드 수이다. 구현마다 새 프로세스에서 재고(TensorFlow와 transformers는 한 프로세스에 함께
있지 못한다), 구현을 번갈아 도는 것을 여러 번 되풀이해 프로세스마다의 중앙값들의 중앙값을 쓴다. 학습은 AdamW와 평균 교차
엔트로피의 한 스텝을, 생성은 배치 1에서 그리디로 16토큰의 프롬프트를 잇는 것을 잰다. 두 Keras는 `compile(jit_compile=True)`이다.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

BATCH, LENGTH, PROMPT, NEW = 8, 128, 16, 240
SIZES = {
    "small": dict(vocab_size=4096, hidden_size=256, intermediate_size=512, num_hidden_layers=4,
                  num_attention_heads=8, num_key_value_heads=2),
    "large": dict(vocab_size=8192, hidden_size=512, intermediate_size=1536, num_hidden_layers=8,
                  num_attention_heads=8, num_key_value_heads=2),
}
CONTESTANTS = ("tf_study", "KerasHub", "Hugging Face", "Hugging Face, torch.compile")
Work = Iterator[tuple[str, Callable[[], object]]]


def tf_study(size: dict) -> Work:
    """Yield what is measured and a call that does it once; the first says how many parameters there are."""
    from tf_study.modern_llms.kv_cache import generate
    from tf_study.modern_llms.llama import Llama, LlamaConfig

    model = Llama(LlamaConfig(**size))
    yield "parameters", model.count_params
    yield "train", keras_step(model, lambda tokens: tokens)
    for new in (NEW // 4, NEW, 4 * NEW):
        yield f"decode {new}", lambda: generate(model, [[1] * PROMPT], new)


def keras_hub(size: dict) -> Work:
    import keras_hub
    import numpy as np

    backbone = keras_hub.models.LlamaBackbone(
        vocabulary_size=size["vocab_size"], num_layers=size["num_hidden_layers"],
        num_query_heads=size["num_attention_heads"], hidden_dim=size["hidden_size"],
        intermediate_dim=size["intermediate_size"], num_key_value_heads=size["num_key_value_heads"],
        tie_word_embeddings=True)
    model = keras_hub.models.LlamaCausalLM(backbone, preprocessor=None)
    yield "parameters", model.count_params
    yield "train", keras_step(model, lambda t: {"token_ids": t, "padding_mask": np.ones_like(t)}, weighted_metrics=None)
    model.compile(sampler="greedy", jit_compile=True)
    for new in (NEW // 4, NEW, 4 * NEW):
        tokens = np.ones((1, PROMPT + new), "int32")
        mask = np.arange(PROMPT + new)[None] < PROMPT
        yield f"decode {new}", lambda: model.generate(
            {"token_ids": tokens, "padding_mask": mask}, stop_token_ids=None)


def keras_step(model, inputs, **options):
    import keras
    import numpy as np
    import tensorflow as tf

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-3), loss, jit_compile=True, **options)
    tokens = np.random.default_rng(0).integers(0, 4096, (BATCH, LENGTH + 1), "int32")
    x, y = tf.nest.map_structure(tf.constant, (inputs(tokens[:, :-1]), tokens[:, 1:]))
    return lambda: model.train_on_batch(x, y)


def hugging_face(size: dict, compiled: bool) -> Work:
    import torch
    import transformers

    config = transformers.LlamaConfig(**size, tie_word_embeddings=True, max_position_embeddings=2048,
                                      bos_token_id=None, eos_token_id=None, pad_token_id=0)
    model = transformers.LlamaForCausalLM(config)
    yield "parameters", lambda: sum(p.numel() for p in model.parameters())

    tokens = torch.randint(0, 4096, (BATCH, LENGTH + 1), generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

    def loss(x, y):
        logits = model(x, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())

    forward = torch.compile(loss) if compiled else loss

    def step():
        optimizer.zero_grad()
        forward(tokens[:, :-1], tokens[:, 1:]).backward()
        optimizer.step()

    yield "train", step
    model.eval()
    if compiled:                     # transformers가 스스로 컴파일하는 정적 캐시
        model.generation_config.cache_implementation = "static"
    prompt = torch.ones((1, PROMPT), dtype=torch.long)
    yield f"decode {NEW}", lambda: model.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, min_new_tokens=NEW, max_new_tokens=NEW)


def contestant(name: str, size: dict) -> Work:
    if name.startswith("Hugging Face"):
        return hugging_face(size, compiled=name != "Hugging Face")
    return tf_study(size) if name == "tf_study" else keras_hub(size)


def measure(name: str, size: dict, seconds: float) -> dict[str, float]:
    """Median seconds of each call after warming up, in this process."""
    results = {}
    for what, call in contestant(name, size):
        first = call()
        if what == "parameters":
            results[what] = first
            continue
        times, start = [], time.perf_counter()
        while len(times) < 3 or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            call()
            times.append(time.perf_counter() - before)
        results[what] = statistics.median(times)
    return results


def in_child(name: str, size: str, seconds: float) -> dict[str, float]:
    command = [sys.executable, __file__, "--size", size, "--seconds", str(seconds), "--contestant", name]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1"}
    child = subprocess.run(command, capture_output=True, text=True, env=environment)
    if child.returncode:
        raise RuntimeError(f"{name}을(를) 재지 못했다:\n{child.stderr[-3000:]}")
    return json.loads(child.stdout.splitlines()[-1])


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """Rows of medians over the processes, and how many times as fast tf_study is."""
    medians = {name: {what: statistics.median(run[what] for run in runs) for what in runs[0]}
               for name, runs in results.items()}
    ours, lines = medians["tf_study"], []
    for what in ours:
        if what == "parameters":
            continue
        tokens = BATCH * LENGTH if what == "train" else int(what.split()[1])
        for name, median in ((n, m) for n, m in medians.items() if what in m):
            spread = [run[what] for run in results[name]]
            lines.append(f"{what:11} {name:28} {1e3 * median[what]:9.1f} ms  ({1e3 * min(spread):.1f}–"
                         f"{1e3 * max(spread):.1f})  {tokens / median[what]:9,.0f} tokens/s  "
                         f"{median[what] / ours[what]:.2f}x")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--rounds", type=int, default=5, help="구현마다 프로세스를 몇 번 띄우는지")
    parser.add_argument("--seconds", type=float, default=3, help="한 프로세스에서 하나를 재는 시간")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=CONTESTANTS)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = SIZES[arguments.size]
    if arguments.contestant:
        print(json.dumps(measure(arguments.contestant, size, arguments.seconds)))
        return
    names = [name for name in CONTESTANTS if name in (*arguments.only, "tf_study")]
    results: dict[str, list] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for name in names:
            results[name].append(in_child(name, arguments.size, arguments.seconds))
    counts = {name: runs[0]["parameters"] for name, runs in results.items()}
    if len(set(counts.values())) != 1:
        raise SystemExit(f"파라미터의 수가 다르다: {counts}")
    print(f"{arguments.size}: 파라미터 {counts['tf_study']:,}개, 학습 {BATCH}×{LENGTH}, 프롬프트 {PROMPT}, "
          f"{arguments.rounds}번씩, 코어 {os.cpu_count()}개")
    print(table(results))


if __name__ == "__main__":
    main()
