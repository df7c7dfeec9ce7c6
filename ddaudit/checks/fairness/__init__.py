"""Whom does the set serve badly?"""
