module github.com/avap-framework/avap

go 1.26
