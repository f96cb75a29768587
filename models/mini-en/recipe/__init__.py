"""The recipe of the mini-en model: text, speech, network, graph. One module a step."""
