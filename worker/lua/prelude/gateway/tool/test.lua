-- apisix lua test: finds files of tests, and says how they went: as text, as JSON, as JUnit's XML.
local files = require("gateway.tool.files")
local json = require("cjson.safe").new()
local io, table, ipairs, tostring = io, table, ipairs, tostring

local M = {}

local LOG_LINES_MAX = 20

local function is_test(name)
    return name:find("_spec%.lua$") ~= nil or name:find("_test%.lua$") ~= nil
end

function M.find_files(args)
    local found, missing = files.find(args.paths, is_test)
    for _, path in ipairs(missing) do
        io.stderr:write("apisix: ", path, ": no such file or folder\n")
        found[#found + 1] = path
    end
    return found
end

local MARKS = { passed = "ok     ", failed = "FAILED ", error = "ERROR  ", pending = "pending" }

local function indent(text, by)
    return by .. text:gsub("\n", "\n" .. by)
end

local function print_fault(test)
    io.write("      ", test.place, "\n", indent(test.message, "      "), "\n")
    if test.trace and test.status == "error" then
        io.write(indent(test.trace, "      "), "\n")
    end
    local log = test.log or {}
    if #log > 0 then
        io.write("      error.log:\n")
    end
    for i, line in ipairs(log) do
        if i > LOG_LINES_MAX then
            io.write(("        and %d more lines\n"):format(#log - LOG_LINES_MAX))
            break
        end
        io.write(indent(line, "        "), "\n")
    end
end

-- One file, in a state of its own.
function M.run_file(args)
    local result = require("gateway.tool.spec").run_file(args.file, args.filter)
    if args.as_json or #result.tests == 0 then
        return result
    end
    io.write(result.file, "\n")
    for _, test in ipairs(result.tests) do
        io.write(("  %s %s (%d ms)\n"):format(MARKS[test.status], test.name, test.seconds * 1000 + 0.5))
        if test.message then
            print_fault(test)
        end
    end
    return result
end

local function count(results)
    local counts = { tests = 0, passed = 0, failed = 0, error = 0, pending = 0, seconds = 0 }
    for _, result in ipairs(results) do
        for _, test in ipairs(result.tests) do
            counts.tests = counts.tests + 1
            counts[test.status] = counts[test.status] + 1
            counts.seconds = counts.seconds + test.seconds
        end
    end
    return counts
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
    return (tostring(text):gsub('[&<>"]', ENTITIES):gsub("[%z\1-\8\11\12\14-\31]", "?"))
end

local function junit_case(file, test)
    local case = ('    <testcase classname="%s" name="%s" time="%.3f"'):format(escape(file), escape(test.name), test.seconds)
    if test.status == "passed" then
        return case .. "/>"
    elseif test.status == "pending" then
        return case .. "><skipped/></testcase>"
    end
    local element = test.status == "failed" and "failure" or "error"
    local text = test.place .. "\n" .. test.message .. (test.trace and "\n" .. test.trace or "")
    if test.log and #test.log > 0 then
        text = text .. "\nerror.log:\n" .. table.concat(test.log, "\n")
    end
    return ('%s><%s message="%s">%s</%s></testcase>'):format(case, element, escape((test.message:gsub("\n.*", ""))),
        escape(text), element)
end

local function junit(results, counts)
    local out = { '<?xml version="1.0" encoding="UTF-8"?>' }
    out[2] = ('<testsuites tests="%d" failures="%d" errors="%d" skipped="%d" time="%.3f">'):format(
        counts.tests, counts.failed, counts.error, counts.pending, counts.seconds)
    for _, result in ipairs(results) do
        local own = count({ result })
        out[#out + 1] = ('  <testsuite name="%s" tests="%d" failures="%d" errors="%d" skipped="%d" time="%.3f">'):format(
            escape(result.file), own.tests, own.failed, own.error, own.pending, own.seconds)
        for _, test in ipairs(result.tests) do
            out[#out + 1] = junit_case(result.file, test)
        end
        out[#out + 1] = "  </testsuite>"
    end
    out[#out + 1] = "</testsuites>\n"
    return table.concat(out, "\n")
end

function M.report(args)
    local results = args.results
    local counts = count(results)
    if args.as_json then
        io.write(json.encode({ counts = counts, files = results }), "\n")
    else
        io.write(("%d tests in %d files: %d passed, %d failed, %d errors, %d pending (%.2f s)\n"):format(
            counts.tests, #results, counts.passed, counts.failed, counts.error, counts.pending, counts.seconds))
    end
    if args.junit then
        local ok, err = files.write(args.junit, junit(results, counts))
        if not ok then
            io.stderr:write("apisix: ", err, "\n")
            return false
        end
    end
    if counts.tests == 0 then
        io.stderr:write("apisix: no tests: they are in files *_spec.lua and *_test.lua", args.filter and ", none fits the filter" or "", "\n")
        return false
    end
    return counts.failed + counts.error == 0
end

return M
