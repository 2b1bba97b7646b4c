#!/usr/bin/python3
"""Turns a collection of labelled texts into the log of users whose interests are known.

Every user has one interest, a label drawn by its share of the texts, and reads texts of that label, but for a share
of noise: texts of any label. Numbers of events are exponential. Writes FOLDER/events.csv (user_id, item_id, behavior,
timestamp, text) and FOLDER/truth.csv (user_id, interest). The same arguments give the same bytes.

Example: tools/make_user_logs.py --texts SearchSnippets.txt --labels SearchSnippets_gnd.txt --out logs
"""
import argparse
import csv
import pathlib
import random


def read_lines(path):
    return path.read_text(encoding="utf-8-sig").splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=pathlib.Path, required=True, help="one text a line")
    parser.add_argument("--labels", type=pathlib.Path, required=True, help="the label of each line")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write to")
    parser.add_argument("--users", type=int, default=4000)
    parser.add_argument("--mean-events", type=float, default=8, help="of a user, beside the least")
    parser.add_argument("--least-events", type=int, default=3)
    parser.add_argument("--noise", type=float, default=0.2, help="share of events about anything")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    texts, labels = read_lines(arguments.texts), read_lines(arguments.labels)
    if len(texts) != len(labels):
        parser.error(f"{len(texts)} texts and {len(labels)} labels")
    by_label = {}
    for place, label in enumerate(labels):
        by_label.setdefault(label, []).append(place)

    draw = random.Random(arguments.seed)
    names = sorted(by_label)
    shares = [len(by_label[name]) for name in names]
    events, truth = [], []
    for number in range(arguments.users):
        user = f"U{number:06d}"
        interest = draw.choices(names, shares)[0]
        truth.append((user, interest))
        time = 1_700_000_000 + draw.randrange(90 * 86_400)
        for _ in range(arguments.least_events + int(draw.expovariate(1 / arguments.mean_events))):
            time += 1 + int(draw.expovariate(1 / 40_000))
            noise = draw.random() < arguments.noise
            place = draw.randrange(len(texts)) if noise else draw.choice(by_label[interest])
            events.append((user, f"T{place:06d}", "pv", time, texts[place].strip()))
    draw.shuffle(events)

    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, head, rows in (("events.csv", ("user_id", "item_id", "behavior", "timestamp", "text"), events),
                             ("truth.csv", ("user_id", "interest"), truth)):
        with open(arguments.out / name, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(head)
            writer.writerows(rows)
    print(f"{len(events)} events of {len(truth)} users with {len(names)} interests")


if __name__ == "__main__":
    main()
