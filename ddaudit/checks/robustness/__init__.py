"""How easily are models trained on the set fooled?"""
