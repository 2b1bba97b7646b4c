#!/usr/bin/python3
"""Scores the segments of a run against the users' known interests, which the run never saw.

Prints the adjusted Rand index and the v-measure of users_with_tags.csv against a table with the columns user_id and
interest, each segment's majority interest and, with --baseline, what TF-IDF + k-means reaches on the same events
(scikit-learn; of characters and of words, each the mean of three seeds).
"""
import argparse
import collections
import csv
import pathlib
import sys

from sklearn.metrics import adjusted_rand_score, v_measure_score


def read_truth(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return {row["user_id"]: row["interest"] for row in csv.DictReader(file)}


def read_segments(run):
    with open(pathlib.Path(run) / "users_with_tags.csv", encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        head = next(rows)
        segment, tag = head.index("segment"), head.index("tag")
        return {row[0]: (int(row[segment]), row[tag]) for row in rows}


def baseline(events, truth, clusters, analyzer):
    """Mean ARI, over three seeds, of k-means on TF-IDF of uni- and bigrams, reduced to 128 dimensions."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    documents = collections.defaultdict(list)
    with open(events, encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            documents[row["user_id"]].append(row["text"])
    users = sorted(user for user in documents if user in truth)
    tfidf = TfidfVectorizer(analyzer=analyzer, ngram_range=(1, 2), min_df=3, sublinear_tf=True, max_features=100_000)
    vectors = tfidf.fit_transform(" ".join(documents[user]) for user in users)
    vectors = normalize(TruncatedSVD(min(128, vectors.shape[1] - 1), random_state=0).fit_transform(vectors))
    labels = [truth[user] for user in users]
    scores = [adjusted_rand_score(labels, KMeans(clusters, n_init=3, random_state=seed).fit_predict(vectors))
              for seed in (1, 2, 3)]
    return sum(scores) / len(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", required=True, help="CSV with user_id and interest")
    parser.add_argument("--run", required=True, help="folder of the run")
    parser.add_argument("--baseline", help="CSV of the events: also score TF-IDF + k-means on it")
    parser.add_argument("--least", type=float, help="exit 1 where the ARI is below this")
    arguments = parser.parse_args()

    truth, segments = read_truth(arguments.truth), read_segments(arguments.run)
    users = sorted(user for user in segments if user in truth)
    if not users:
        sys.exit("error: no user of the run is in the truth table")
    interests = [truth[user] for user in users]
    labels = [segments[user][0] for user in users]
    members = collections.defaultdict(collections.Counter)
    tags = {}
    for user in users:
        members[segments[user][0]][truth[user]] += 1
        tags[segments[user][0]] = segments[user][1]
    for segment in sorted(members):
        (interest, count), = members[segment].most_common(1)
        share = count / sum(members[segment].values())
        print(f"segment {segment:3d}  {sum(members[segment].values()):7d} users  {100 * share:5.1f}% {interest}  tag: {tags[segment]}")
    named = sum(tags[s] == members[s].most_common(1)[0][0] for s in members)
    ari = adjusted_rand_score(interests, labels)
    print(f"{len(users)} users, {len(members)} segments, {named} named like their majority interest")
    print(f"kohort: ARI {ari:.4f}, v-measure {v_measure_score(interests, labels):.4f}")
    if arguments.baseline:
        for name, analyzer in (("character", "char"), ("word", "word")):
            print(f"{name} TF-IDF + k-means: ARI {baseline(arguments.baseline, truth, len(members), analyzer):.4f} (mean of 3 seeds)")
    if arguments.least is not None and ari < arguments.least:
        sys.exit(1)


if __name__ == "__main__":
    main()
