#!/usr/bin/python3
"""Prints the constants of tests/cluster/cluster_scores_test.cpp and rand_index_test.cpp: by scikit-learn itself, and the
simplified silhouette by its definition over all centroids."""
import numpy
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score

# Rows, labels and centroids that look random; the tests make the same ones. Cluster 4 is empty, cluster 5 has one row.
n, d, k = 60, 3, 6
rows = numpy.array([[((i * i * 7 + j * 13 * i + j * j * 5) % 101 - 50) / 16 for j in range(d)] for i in range(n)])
labels = numpy.array([5 if i == 17 else (i * i + i // 3) % 4 for i in range(n)])
centroids = numpy.array([[((c * 29 + j * 17) % 41 - 20) / 8 for j in range(d)] for c in range(k)])
print("davies_bouldin", repr(davies_bouldin_score(rows, labels)))
print("calinski_harabasz", repr(calinski_harabasz_score(rows, labels)))
rows[17], centroids[5] = 90, 100  # alone in its cluster
distances = numpy.sqrt(((rows[:, None] - centroids[None]) ** 2).sum(2))
two = numpy.sort(distances, axis=1)[:, :2]
nearest = distances.argmin(1)
alone = numpy.bincount(nearest, minlength=k)[nearest] == 1
print("silhouette", repr(numpy.where(alone, 0, (two[:, 1] - two[:, 0]) / two[:, 1]).mean()), "rows alone:", alone.sum())

one = [(i * i + i // 3) % 4 for i in range(n)]
print("adjusted_rand", repr(adjusted_rand_score(one, [(i * i) % 5 for i in range(n)])))
print("adjusted_rand", repr(adjusted_rand_score(one, [(label + 7) % 4 if i % 9 else 100 for i, label in enumerate(one)])))
print("adjusted_rand", repr(adjusted_rand_score([0, 0, 1, 1], [0, 1, 0, 1])))
