"""What the tests of the integration share."""
