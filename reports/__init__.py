"""How results are shown; knows neither the engine nor the clouds."""
