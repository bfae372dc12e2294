-- apisix lua check: what is wrong in files of Lua, as far as this very gateway can tell without a request.
local json = require("cjson.safe").new()
local files = require("gateway.tool.files")
local names = require("gateway.tool.check_names")
local plugins = require("gateway.tool.check_plugin")
local parse = require("gateway.tool.parser")
local ngx, io, table, ipairs, pcall, loadstring, tonumber = ngx, io, table, ipairs, pcall, loadstring, tonumber

local M = {}

local RANK = { error = 1, warning = 2, info = 3 }

local function check_file(path, text, context, add)
    local chunk, err = loadstring(text:gsub("^#[^\n]*", ""), "@" .. path)
    if not chunk then
        local line, what = err:match(":(%d+): (.*)$")
        return add("error", "syntax", line, what or err)
    end
    local ok, tree = pcall(parse, text)
    if not ok then
        return add("info", "not-analysed", nil, "only its syntax was checked: " .. tree)
    end
    names.check(tree, add)
    plugins.check(path, tree, context, add)
end

local function check(path, context, findings)
    local text, err = files.read(path)
    local function add(severity, code, line, what, hint)
        findings[#findings + 1] = {
            file = path, line = line and tonumber(line) or nil, severity = severity, code = code, text = what, hint = hint,
        }
    end
    if not text then
        return add("error", "not-readable", nil, err)
    end
    check_file(path, text, context, add)
end

local function in_order(findings)
    for i, finding in ipairs(findings) do
        finding.number = i
    end
    table.sort(findings, function(a, b)
        if a.file ~= b.file then
            return a.file < b.file
        end
        if (a.line or 0) ~= (b.line or 0) then
            return (a.line or 0) < (b.line or 0)
        end
        return RANK[a.severity] == RANK[b.severity] and a.number < b.number or RANK[a.severity] < RANK[b.severity]
    end)
    for _, finding in ipairs(findings) do
        finding.number = nil
    end
end

local function print_report(report)
    for _, finding in ipairs(report.findings) do
        local place = finding.file .. (finding.line and ":" .. finding.line or "")
        io.write(place, ": ", finding.severity, ": ", finding.text, " [", finding.code, "]\n")
        if finding.hint then
            io.write("    ", finding.hint, "\n")
        end
    end
    local counts = report.counts
    io.write(("%d files: %d errors, %d warnings, %d remarks\n"):format(
        report.files, counts.error, counts.warning, counts.info))
end

-- args: paths, as_json; configured_path and configured_plugins of config.yaml, has_config.
function M.run(args)
    local paths, missing = files.find(args.paths, function(name) return name:find("%.lua$") end)
    local findings = {}
    for _, path in ipairs(missing) do
        findings[#findings + 1] = { file = path, severity = "error", code = "not-readable", text = "no such file or folder" }
    end
    for _, path in ipairs(paths) do
        check(path, args, findings)
        ngx.sleep(0) -- each file has the whole of lua.cpu_limit
    end
    in_order(findings)
    local counts = { error = 0, warning = 0, info = 0 }
    for _, finding in ipairs(findings) do
        counts[finding.severity] = counts[finding.severity] + 1
    end
    local report = { files = #paths, counts = counts, findings = findings }
    if args.as_json then
        if #findings == 0 then
            report.findings = json.empty_array
        end
        io.write(json.encode(report), "\n")
    else
        print_report(report)
    end
    return counts.error + counts.warning == 0
end

return M
