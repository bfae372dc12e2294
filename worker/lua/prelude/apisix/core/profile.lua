local M = { version = 0.1, profile = os.getenv("APISIX_PROFILE") or "" }

function M.yaml_path(self, name)
    return self:customized_yaml_path() or require("gateway.info").prefix .. "/conf/" .. name
            .. (self.profile ~= "" and "-" .. self.profile or "") .. ".yaml"
end

function M.customized_yaml_path()
    return nil
end

return M
