"""Writes one site and prints what became of each of its messages."""

from __future__ import annotations

import argparse
from pathlib import Path

from simulator.artefacts import evidence_of
from simulator.play import play
from simulator.setting import setting_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--full", action="store_true", help="with every log on")
    chosen = parser.parse_args()
    setting = setting_of(chosen.seed)
    history = play(setting.full() if chosen.full else setting)
    evidence_of(history).write(chosen.folder)
    for truth in history.truths:
        print(f"{truth.fate:12} {truth.direction:9} {truth.label()}")


if __name__ == "__main__":
    main()
