-- resty.events.compat: as resty.worker.events.
return require("resty.worker.events")
