"""The policy language of this cloud: parse, match, compare, decide conditions."""
