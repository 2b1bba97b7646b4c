#!/usr/bin/env bash
# Tags on real texts: distinct, readable, at home in their segment; and a list of names changes nobody's segment.
. "$(dirname "$0")/lib.sh"
data=$(shared_data)/data/users_zh
# All events of a sixth of the users.
awk -F, 'NR == 1 || $1 ~ /[013]$/' "$data/events.csv" >events.csv
ranks 2 run --input events.csv --clusters 8 --steps 120 --out run --log-level warning
cp run/users_with_tags.csv before.csv
cat >names.csv <<'N'
name,description
数码,手机和电脑
球迷,足球和篮球比赛
N
ranks 2 segment --out run --tags names.csv --log-level warning
python3 - "$KOHORT_SOURCE" <<'P'
import csv, re, sys
from collections import defaultdict
rows = lambda path: list(csv.DictReader(open(path, encoding="utf-8-sig", newline="")))
before, after = rows("before.csv"), rows("run/users_with_tags.csv")
assert [(r["user_id"], r["segment"], r["margin"]) for r in before] == [(r["user_id"], r["segment"], r["margin"]) for r in after]
named = {r["tag"] for r in after}
assert {"数码", "球迷"} <= named, named

# The lift of each own tag, counted anew: texts that hold it, in its segment and in all.
segment = {r["user_id"]: r["segment"] for r in before}
texts = defaultdict(list)
for event in rows("events.csv"):
    texts[segment[event["user_id"]]].append(event["text"].lower())
everything = [text for some in texts.values() for text in some]
tags = {r["segment"]: r["tag"] for r in before}
assert len(set(tags.values())) == len(tags) == 8, tags
functional = set("的 了 是 在 我们 没有 一个 这个 可以 因为 所以 就是 已经 非常 什么 自己 大家".split())
for number, tag in tags.items():
    assert re.fullmatch(r"[\u4e00-\u9fff]{2,10}|[a-z]+( [a-z]+){0,3}", tag), tag
    assert not re.search(r"\d", tag) and tag not in functional, tag
    share = lambda some: sum(tag in text for text in some) / len(some)
    lift = share(texts[number]) / share(everything)
    print(number, tag, round(lift, 2))
    assert lift >= 3, (tag, lift)
P
