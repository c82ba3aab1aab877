"""Speed, as ratios against a floor in the same run; never asserted in tests, because machines are noisy."""
