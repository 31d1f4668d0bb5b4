"""What holds for every test: property tests may take as long as a busy machine makes them."""

from hypothesis import settings

settings.register_profile("entdrift", deadline=None)
settings.load_profile("entdrift")
