-- resty.sha: only a version, as the library has it.
return { _VERSION = "0.16" }
