package layer

// AttendPacked is attendPacked.
var AttendPacked = attendPacked
