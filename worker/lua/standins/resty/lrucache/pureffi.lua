return require("resty.lrucache")
