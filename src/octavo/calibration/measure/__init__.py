"""What a candidate loses against float32: divergence, sensitivity of its products, scores on a dev set."""
