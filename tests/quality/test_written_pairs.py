"""The written clusters: their shape, and that what is kept out stays so."""

from tests.quality.written_pairs import Cluster, pairs_of, read_clusters

CLUSTER = Cluster(
    same=["how do i boil an egg", "boiling an egg", "egg, boiled: how?"],
    other=[["how do i fry an egg", "frying an egg"], ["how long do i boil an egg"]],
)


def test_texts_of_one_question_are_true_pairs_and_near_misses_false_ones() -> None:
    """A near miss and its paraphrase are one question as well; two near misses are two."""
    labels = {frozenset((pair.a, pair.b)): pair.label for pair in pairs_of([CLUSTER])}
    assert labels[frozenset(CLUSTER.same[:2])] == 1
    assert labels[frozenset(CLUSTER.other[0])] == 1
    assert labels[frozenset((CLUSTER.same[0], CLUSTER.other[1][0]))] == 0
    assert labels[frozenset((CLUSTER.other[0][0], CLUSTER.other[1][0]))] == 0


def test_every_written_cluster_has_near_misses_and_says_nothing_twice() -> None:
    """A text on both sides would be a label that contradicts itself."""
    clusters = read_clusters()
    assert len(clusters) == 10_630
    for cluster in clusters:
        texts = [text.casefold() for group in (cluster.same, *cluster.other) for text in group]
        assert len(cluster.same) >= 4
        assert len(cluster.other) >= 4
        assert len(set(texts)) == len(texts), texts


def test_about_one_cluster_in_sixteen_is_kept_out() -> None:
    """By its own text, so that clusters may be added without moving one."""
    kept = sum(cluster.kept_out for cluster in read_clusters())
    assert kept == 710
