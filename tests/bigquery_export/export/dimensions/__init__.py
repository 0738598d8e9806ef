"""Tests of export/dimensions."""
