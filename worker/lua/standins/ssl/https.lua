-- ssl.https: as socket.http, for https URLs.
return require("socket.http")
