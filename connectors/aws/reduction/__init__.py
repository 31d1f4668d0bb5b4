"""The smallest replacement of what an identity holds, and the claims that are checked about it."""
