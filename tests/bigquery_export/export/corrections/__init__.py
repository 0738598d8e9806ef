"""Tests of export/corrections."""
