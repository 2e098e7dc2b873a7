"""Tests of single modules and small groups of modules, without the processes of a desk."""
