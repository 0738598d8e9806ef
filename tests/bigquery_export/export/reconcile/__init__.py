"""Tests of export/reconcile."""
