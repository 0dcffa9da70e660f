"""Long runs: how they tell what they do, and the finished steps that a stopped run goes on from."""
