"""peer_torch.py: PyTorch training a bidirectional LSTM classifier, on the processor. Run by the Python that
$TORCH_PYTHON names; never imported by bench.py.

    peer_torch.py --threads N --steps N --report FILE

Embeddings 30,000 x 128, one layer of 128 units each way, maximum and mean over the tokens, dropout as valence's defaults,
softmax cross-entropy, clipping, AdamW; batches of 32 texts of 256 tokens, so nothing is padded."""
import argparse, json, time

import torch
from torch import nn

B, L, V, E, H = 32, 256, 30000, 128, 128


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(V, E)
        self.lstm = nn.LSTM(E, H, batch_first=True, bidirectional=True)
        self.out = nn.Linear(4 * H, 2)
        self.drop_input, self.drop = nn.Dropout(0.2), nn.Dropout(0.4)

    def forward(self, ids):
        y, _ = self.lstm(self.drop_input(self.words(ids)))
        return self.out(self.drop(torch.cat([y.max(1).values, y.mean(1)], 1)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--threads", type=int, required=True)
    p.add_argument("--steps", type=int, default=12)
    p.add_argument("--report", required=True)
    o = p.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(1)
    net, loss = Classifier(), nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    ids, labels = torch.randint(5, V, (B, L)), torch.randint(0, 2, (B,))

    def step():
        optimizer.zero_grad()
        loss(net(ids), labels).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1)
        optimizer.step()

    for _ in range(2):
        step()
    start = time.perf_counter()
    for _ in range(o.steps):
        step()
    seconds = time.perf_counter() - start
    json.dump({"tokens_per_second": o.steps * B * L / seconds, "torch": torch.__version__}, open(o.report, "w"))


main()
