-- core.profile: which of the configuration's files is read.
local M = {
    version = 0.1, profile = os.getenv("APISIX_PROFILE") or "", apisix_home = ngx.config and ngx.config.prefix() or "",
}

function M.yaml_path(self, name)
    local path = self.apisix_home .. "conf/" .. name
    if self.profile ~= "" and name ~= "config-default" then
        path = path .. "-" .. self.profile
    end
    return path .. ".yaml"
end

function M.customized_yaml_index(self)
    return self.apisix_home .. "/conf/.customized_config_path"
end

function M.customized_yaml_path(self)
    local file = io.open(self:customized_yaml_index())
    if not file then
        return nil
    end
    local path = file:read("*all")
    file:close()
    return path
end

return M
