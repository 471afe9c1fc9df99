#pragma once

#include <string_view>

namespace belay::postgres {

/// What the plugin says of itself, as JSON. Its examples need no server.
inline constexpr std::string_view kDescription = R"({"v":1,"name":"postgres","version":"1",
"summary":"One statement for a PostgreSQL server, with parameters.",
"input":{"type":"object","required":["sql"],"additionalProperties":false,"properties":{
"sql":{"type":"string","description":"One statement; $1, $2 … stand for the parameters."},
"params":{"type":"array","description":"Texts, numbers, booleans, null; lists and objects go as JSON."},
"max_rows":{"type":"integer","minimum":1,"maximum":100000,"default":1000,"description":"Further rows are not fetched, and truncated says so."},
"read_only":{"type":"boolean","default":false,"description":"The server refuses what would write."},
"transaction":{"type":"boolean","default":true,"description":"false: the statement stands alone, as VACUUM and procedures that commit need it; what a failure has left is unknown then."}}},
"connection":{"type":"object","required":["host","database","user"],"additionalProperties":false,"properties":{
"host":{"type":"string","description":"A name, an address, or the folder of a Unix socket."},
"port":{"type":"integer","default":5432},"database":{"type":"string"},"user":{"type":"string"},
"password":{"type":"string","description":"{secret: NAME}"},
"sslmode":{"enum":["verify-full","verify-ca","require","disable"],"default":"verify-full"},
"ca_file":{"type":"string","description":"Authorities to believe instead of the system's."},
"connect_timeout":{"type":"integer","default":10,"description":"In seconds."}}},
"output":{"rows":"objects by column","columns":"name and type","row_count":"rows given, or changed","command":"as the server says it","truncated":"boolean"},
"examples":[
{"input":{},"connection":{"host":"h","database":"d","user":"u"},"error":{"code":"BLY-INVALID-ARGUMENT"}},
{"input":{"sql":"select 1","params":"x"},"connection":{"host":"h","database":"d","user":"u"},"error":{"code":"BLY-INVALID-ARGUMENT"}},
{"input":{"sql":"select 1","read_only":true,"transaction":false},"connection":{"host":"h","database":"d","user":"u"},"error":{"code":"BLY-INVALID-ARGUMENT"}},
{"input":{"sql":"select 1"},"connection":{"database":"d","user":"u"},"error":{"code":"BLY-INVALID-ARGUMENT"}},
{"input":{"sql":"select 1"},"connection":{"host":"/nonexistent","database":"d","user":"u"},"error":{"code":"BLY-CONNECT"}}]})";

}  // namespace belay::postgres
