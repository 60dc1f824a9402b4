"""Fidelity: is it the model of its family's reference?"""
