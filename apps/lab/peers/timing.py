"""Times calls on the GPU by CUDA events, without host time where they can be captured."""

import math
import statistics
import time

import torch

DTYPES = {'f32': torch.float32, 'f16': torch.float16, 'bf16': torch.bfloat16}
UNCACHED = 2**28
MOST_COPIES = 64
# In a graph of one kernel the way of the graph to the GPU would count.
LEAST_CALLS = 8


def seconds_of(calls, device, repeats):
    """Median time of one of `calls`, which are run one after another, few of them several times."""
    calls = calls * max(1, LEAST_CALLS // len(calls))
    for call in calls:
        call()
    if device == 'cpu':
        begun = time.perf_counter()
        for call in calls:
            call()
        return (time.perf_counter() - begun) / len(calls)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    times = []
    for i in range(repeats + 2):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        if i >= 2:
            times.append(start.elapsed_time(end) / 1000 / len(calls))
    return statistics.median(times)


def copies(bytes_of_one):
    return max(2, min(MOST_COPIES, math.ceil(UNCACHED / bytes_of_one)))


def failure(name, error):
    """What could not be run, in one line."""
    lines = str(error).splitlines() or ['']
    return f'{name}: {type(error).__name__}: {lines[0][:200]}'
