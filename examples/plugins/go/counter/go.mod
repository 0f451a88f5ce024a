module counter

go 1.24

require quorate v0.0.0

replace quorate => ./quorate
